# SPDX-License-Identifier: Apache-2.0
"""In which form the rules of a topology are written, by the program that evaluates them."""
