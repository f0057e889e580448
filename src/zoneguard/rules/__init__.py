"""What is wrong: one rule a file; rules see frozen evidence and yield findings."""
