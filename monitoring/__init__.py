"""What happens after approval: monitors of a deployed version, batches of its data, readings and their breaches."""
