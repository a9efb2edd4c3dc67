"""Files become events: opened, read, mapped, sent, and begun again where it was interrupted.

In the flow: called by ``send`` and ``import``; hands lines of JSON to ``client``.
Guarantee: a row counts once, however often its file is loaded; every row is acknowledged or stands
in the file of rejected rows with its line and the reason.

    opening.py       a path -> bytes, unpacked, with how far it is read
    records.py       bytes -> rows of CSV or lines of JSON, with line numbers
    kinds.py         the text of a cell -> JSON, by the kind of its column
    table.py         a row of CSV -> an event; blocks.py a thousand rows at once
    objects.py       a line of JSON -> an event
    parquet.py       a Parquet file -> lines of JSON
    mapped.py        a row or a line -> events, by a mapping
    chain.py         the identity of a row: everything up to it
    upload.py        events -> acknowledged, several batches at a time
    checkpoint.py    how far it came, for the next time
    rejects.py       the file of what was not taken
    sharing.py       one such file for several files
    loading.py       all of it, put together
"""
