"""Archives of web pages as Common Crawl publishes them, read whatever is damaged in them."""
