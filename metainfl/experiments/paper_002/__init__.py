"""Paper 002: TLXML, task-level explanation of meta-learning."""
