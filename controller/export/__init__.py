"""History out of Dryline as CSV and Parquet, and back in.

Out: `choice` says which tags, `moments` which window, `layouts` and `wide` turn what a
`HistorySource` answers into blocks of columns, `csv_out` and `parquet` write them, `exporting` puts
them together. In: `csv_in` and `parquet` read rows of ours and of others, `tag_book` says what
tags they are of, `importing` puts them into a store. `parquet` alone knows pyarrow.

Everything goes in blocks of bounded size, so that memory does not depend on the window.
"""
