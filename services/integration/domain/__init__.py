"""Values and rules: CloudEvents, signatures, addresses that may be called, reports of GitHub and GitLab."""
