"""Room 2: n8n documents, engine, nodes, triggers and executions."""
