# SPDX-License-Identifier: Apache-2.0
"""What 5G cores and radio units export, as data: one YAML file for each, from which the rules' queries follow."""
