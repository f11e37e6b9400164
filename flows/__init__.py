"""What runs, in what order and when: the DAG, its configuration, the command line and the deployments."""
