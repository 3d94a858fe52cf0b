# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath calibrate`: numbers of a topology from measurements, each with its error."""
