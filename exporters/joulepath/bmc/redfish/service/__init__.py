# SPDX-License-Identifier: Apache-2.0
"""Asks a Redfish service: session, bounded answers, resources and the values in them."""
