# SPDX-License-Identifier: Apache-2.0
"""`make first-hour`: follows the README and docs/guides/bare-metal.md to the letter, with stand-ins for the devices."""
