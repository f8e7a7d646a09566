"""What the HTTP Request node is made of: its parameters, requests, answers and pages."""
