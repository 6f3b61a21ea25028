"""Where replicas run, and how calls reach them."""
