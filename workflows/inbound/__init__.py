"""The door calls from outside come in by: read, guarded, answered. It starts nothing itself."""
