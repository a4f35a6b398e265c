"""The tools of the contract, one file per backend."""
