"""Records the cloud's answers without anything that names somebody, and replays them.

tap         a transport that notes each request and its answer, without credentials
harmless    which keys and values of an answer are kept: an allow-list
stand_ins   what everything else is replaced by
anonymise   a noted exchange -> an answer of the recording
folder      the recording in a folder: what its files hold; writes and reads them
findings    what the answers tell about each unknown of docs/unknowns.md
pages       the same for listings: pages, totals, orders, positions
replay      a server that gives the recorded answers, with their times shifted to now

It is a room of its own above the simulator, whose server it uses: the exporter runs on either, and neither is
on the way of the data. Only `cli` uses it.
"""
