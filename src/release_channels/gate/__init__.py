"""The live integration gate: a provider that answers, one real rollout, a judge, and the Daytona checks."""
