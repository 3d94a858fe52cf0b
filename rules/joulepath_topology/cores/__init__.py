# SPDX-License-Identifier: Apache-2.0
"""The series of 5G cores and radio units, as data: one YAML file for each, from which the rules' queries follow."""
