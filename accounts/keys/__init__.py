"""What API keys are made of beside their text: public keys, and addresses that they may be used from."""
