# SPDX-License-Identifier: Apache-2.0
"""The parts of tools/lab, lowest first: errors, interrupts,
plan, shares, netns, process, state, servers, lab, http_load, probe, screen, cli, quickstart."""
