# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath report`: energy of a period by application, component, host, site, label and day."""
