"""Every answer of the stand-in, and every request to it, is compared with Cekura's own description of its API.

``tests/data/cekura-openapi.json`` is that description (a copy of 2026-08-21, without prose). With `plugin` a test
fails in which an answer or a request differs from it, unless `deviations` or `operations` names the difference. The end
of the test run shows how many were compared, and how many of the listed deviations were met; with ``-v``, which.
"""
