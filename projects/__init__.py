"""Room 3: projects, tasks, attempts and artifacts."""
