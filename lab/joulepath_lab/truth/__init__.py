# SPDX-License-Identifier: Apache-2.0
"""The truth: what the senders counted, what the machines drew by their law, and each application's part of it."""
