# SPDX-License-Identifier: Apache-2.0
"""`joulepath pdu`: power of PDU inlets, phases, branches and outlets over SNMP and Redfish."""
