"""Room 3: projects, tasks, dispatch, reviews and approvals. Not furnished yet."""
