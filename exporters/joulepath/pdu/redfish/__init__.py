# SPDX-License-Identifier: Apache-2.0
"""Power equipment over Redfish, with the same readings as over SNMP."""
