"""The Kubernetes wire: kubeconfig and credentials, connections, frames, exec, inventory. All its quirks end here."""
