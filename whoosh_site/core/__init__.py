"""Ground: users, teams, keys, audit, settings, secrets, outbound HTTP, leases, runner, live."""
