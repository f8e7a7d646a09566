"""JavaScript in confined processes, behind `workflows.engine.scripts`."""
