"""What plugins implement: one abstract class or Protocol a file, the records that offer them, and the hooks."""
