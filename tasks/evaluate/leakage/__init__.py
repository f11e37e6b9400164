"""Which of the pictures that models are judged on stand in their training set as well."""
