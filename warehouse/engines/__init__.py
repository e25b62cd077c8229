"""The engines that answer questions and queries; every one gives the same results."""
