# SPDX-License-Identifier: Apache-2.0
"""`joulepath bmc`: power of servers and chassis as their BMC measures it, over Redfish and IPMI."""

from joulepath import lean

lean.late("redfish")  # its blocking client, with requests: 5 MiB
