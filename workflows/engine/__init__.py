"""The workflow engine: plain Python that runs n8n documents. No Django, no HTTP client."""
