"""The Helm chart: what it renders, and the containers that are rendered, run by Docker as Kubernetes runs them."""
