"""Paper 001: task-IF and instance-IF for meta-learning."""
