"""Reads back what Rollbook wrote, by readers that are none of ours, and checks that all formats tell the same rows.

    check.py FOLDER    of every answer in FOLDER/index.json, all its files; and FOLDER/rollbook.db

The JSON is what the others are compared with. Where a format cannot hold a value, what stands there instead is said here,
and nowhere else may a value differ.
"""

import csv
import datetime
import json
import re
import sqlite3
import sys
import unicodedata
from pathlib import Path

import duckdb
import duckdb_extension_sqlite_scanner
import html5lib
import lxml.etree
import lxml.html
import openpyxl
import pyarrow.parquet

csv.field_size_limit(sys.maxsize)

REPLACED = "\ufffd"
# A spreadsheet would take a cell for a formula that begins so.
FORMULA = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
XLSX_TEXT = 32_767
XLSX_CUT = "… [cut]"
EXACT = 2**53
XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class Different(Exception):
    pass


def same(told, expected, where):
    if type(told) is not type(expected) or told != expected:
        raise Different(f"{where}: {told!r:.300}, not {expected!r:.300}")


# --- what a format may hold instead ---------------------------------------------------------------------------------


def xml_text(text):
    """XML 1.0 has no place for most control characters and for U+FFFE and U+FFFF."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", REPLACED, text)


def is_hidden(c):
    return (
        unicodedata.category(c) == "Cc"
        or c in "\u061c\u200b\u200e\u200f\u2028\u2029\ufeff"
        or "\u202a" <= c <= "\u202e"
        or "\u2060" <= c <= "\u2069"
        or "\ufff9" <= c <= "\ufffb"
        or "\U000e0000" <= c <= "\U000e007f"
    )


def visible(text):
    """For eyes: what is not seen, or moves what is seen, is spelled out."""
    names = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "".join(names.get(c) or (f"\\u{{{ord(c):x}}}" if is_hidden(c) else c) for c in text)


def csv_text(text, raw):
    text = text.replace("\0", REPLACED)
    return "'" + text if text.startswith(FORMULA) and not raw else text


def units(text):
    return len(text.encode("utf-16-le")) // 2


def xlsx_text(text):
    text = xml_text(text)
    if units(text) <= XLSX_TEXT:
        return text
    room = XLSX_TEXT - units(XLSX_CUT)
    return text.encode("utf-16-le")[: room * 2].decode("utf-16-le", "ignore") + XLSX_CUT


def time_of(text):
    return datetime.datetime.fromisoformat(text)


def spelled(value):
    """A value that is no text, as most text formats write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_number(kind, value):
    return kind in ("integer", "real", "any") and type(value) in (int, float)


def number_of(text, value):
    return type(value)(text) if isinstance(value, int) else float(text)


def is_infinite(told, kind):
    """JSON has no word for it, and says null."""
    return kind in ("real", "any") and str(told).lower() in ("inf", "-inf")


# --- the readers: each gives the names of the columns, and rows to compare with what it makes of the JSON -----------


def strict(text):
    def refuse(word):
        raise Different(f"{word} is no JSON")

    def once(pairs):
        if len({name for name, _ in pairs}) < len(pairs):
            raise Different(f"a name twice: {[name for name, _ in pairs]}")
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=once)


def read_json(path, answer):
    document = strict(path.read_bytes().decode("utf-8"))
    if not answer["framed"]:
        return document
    same(document[answer["what"]], answer["name"], "the name")
    return document["rows"]


def check_ndjson(path, answer, rows):
    lines = path.read_bytes().decode("utf-8").split("\n")
    same(lines.pop(), "", "after the last line")
    same(len(lines), len(rows), "lines")
    for n, (line, row) in enumerate(zip(lines, rows)):
        told = strict(line)
        same(list(told), list(row), f"line {n}: names")
        for name in row:
            same(told[name], row[name], f"line {n}: {name}")


def check_csv(path, answer, rows, raw=False):
    with open(path, newline="", encoding="utf-8") as file:
        told = list(csv.reader(file, strict=True))
    text = path.read_bytes()
    if text.count(b"\0"):
        raise Different("a NUL")
    same(told[0], [csv_text(column["name"], raw) for column in answer["columns"]], "header")
    same(len(told) - 1, len(rows), "rows")
    for n, (record, row) in enumerate(zip(told[1:], rows)):
        same(len(record), len(answer["columns"]), f"row {n}: cells")
        for field, column, value in zip(record, answer["columns"], row.values()):
            where = f"row {n}: {column['name']}"
            if value is None:
                same("" if is_infinite(field, column["kind"]) else field, "", where)
            elif is_number(column["kind"], value):
                same(number_of(field, value), value, where)
            elif isinstance(value, str):
                same(field, csv_text(value, raw), where)
            else:
                same(field, spelled(value), where)


def check_raw(path, answer, rows):
    check_csv(path, answer, rows, raw=True)


def check_xml(path, answer, rows):
    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True)
    root = lxml.etree.parse(str(path), parser).getroot()
    if answer["framed"]:
        same(root.tag, answer["what"], "root")
        same(root.get("name"), answer["name"], "name")
        root = root.find("rows")
    same(root.tag, "rows", "element of the rows")
    same(len(root), len(rows), "rows")
    for n, (element, row) in enumerate(zip(root, rows)):
        same(element.tag, "row", f"row {n}")
        if answer["framed"]:
            same([cell.tag for cell in element], list(row), f"row {n}: elements")
        same(len(element), len(row), f"row {n}: cells")
        same(len({cell.tag for cell in element}), len(row), f"row {n}: different names")
        for cell, column, value in zip(element, answer["columns"], row.values()):
            where = f"row {n}: {column['name']}"
            same(len(cell), 0, where)
            if value is None and is_infinite(cell.text, column["kind"]):
                continue
            if value is None:
                same((cell.get(XSI_NIL), cell.text), ("true", None), where)
                continue
            same(cell.get(XSI_NIL), None, where)
            text = cell.text or ""
            if is_number(column["kind"], value):
                same(number_of(text, value), value, where)
            elif isinstance(value, str):
                same(text, xml_text(value), where)
            else:
                same(text, spelled(value), where)


def unescaped(text):
    """Workbooks spell some characters `_x000D_`, and an underscore that looks like the beginning of that `_x005F_`."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match[1], 16)), text)


def check_xlsx(path, answer, rows):
    book = openpyxl.load_workbook(path)
    sheets = book.worksheets
    if answer["framed"]:
        same("About" in book.sheetnames, True, f"a sheet that tells what the rows are: {book.sheetnames}")
        about = {row[0].value: row[1].value for row in book["About"].iter_rows(max_col=2)}
        same(about[answer["what"].capitalize()], answer["name"], "About")
        same(about["Rows"], len(rows), "About: rows")
    for sheet in sheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type in ("f", "e") or cell.hyperlink:
                    raise Different(f"{sheet.title} {cell.coordinate}: a formula, a link or an error: {cell.value!r}")
    sheet = sheets[0]
    header = [cell.value or "" for cell in sheet[1]]
    same([unescaped(name) for name in header], [xlsx_text(column["name"]) for column in answer["columns"]], "header")
    # Rows whose cells are all empty are not there.
    lines = list(sheet.iter_rows(min_row=2, max_col=len(answer["columns"])))
    same(len(lines) <= len(rows), True, f"{len(lines)} rows, not {len(rows)}")
    for n, row in enumerate(rows):
        cells = lines[n] if n < len(lines) else [None] * len(row)
        for cell, column, value in zip(cells, answer["columns"], row.values()):
            where = f"row {n}: {column['name']}"
            told = None if cell is None else cell.value
            if value is None or value == "":
                same(None if is_infinite(told, column["kind"]) else told, None, where)
            elif column["kind"] == "time":
                same(cell.is_date, True, f"{where}: a date")
                # Seconds are what is shown; a program that reads the file gets them within half a millisecond.
                expected = time_of(value).replace(tzinfo=None, microsecond=0)
                same(abs(told - expected) < datetime.timedelta(milliseconds=1), True, f"{where}: {told}, {expected}")
            elif isinstance(value, str):
                same(cell.data_type, "s" if cell.data_type == "s" else "inlineStr", f"{where}: a text")
                same(unescaped(told), xlsx_text(value), where)
            elif type(value) is int and abs(value) > EXACT:
                same(told, str(value), where)
            elif isinstance(value, bool):
                same(told, value, where)
            else:
                same(float(told), float(value), where)


def check_parquet(path, answer, rows):
    table = pyarrow.parquet.read_table(path)
    types = {
        "text": ("string",),
        "integer": ("int64",),
        "real": ("double",),
        "boolean": ("bool",),
        "time": ("timestamp[ms, tz=UTC]",),
        "any": ("string", "int64", "double"),
    }
    same(table.num_rows, len(rows), "rows")
    if rows:
        same(table.schema.names, list(rows[0]), "columns")
    for field, column in zip(table.schema, answer["columns"]):
        same(str(field.type) in types[column["kind"]], True, f"{column['name']} is {field.type}")
    table.validate(full=True)
    told = [column.to_pylist() for column in table.columns]
    for n, row in enumerate(rows):
        for values, field, column, value in zip(told, table.schema, answer["columns"], row.values()):
            where = f"row {n}: {column['name']}"
            if column["kind"] == "time" and value is not None:
                same(values[n], time_of(value), where)
            elif column["kind"] == "any" and type(value) in (int, float):
                # One type for all values of a column that nobody declared.
                same(str(values[n]) if str(field.type) == "string" else float(values[n]),
                     spelled(value) if str(field.type) == "string" else float(value), where)
            elif value is None and is_infinite(values[n], column["kind"]):
                pass
            else:
                same(values[n], value, where)


def cells_of(table, text):
    """The cells of a table, whichever parser read it: what is shown, and of a time what programs read."""
    rows = []
    for row in table.iter("tr"):
        cells = []
        for cell in row:
            times = list(cell.iter("time"))
            cells.append((text(cell), times[0].get("datetime") if times else None))
        rows.append(cells)
    return rows


def check_html(path, answer, rows):
    page = path.read_bytes()
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
    document = parser.parse(page, transport_encoding="utf-8")
    # A character of no name is an error to this parser, and kept.
    errors = {code for _, code, _ in parser.errors} - {"invalid-codepoint"}
    same(errors, set(), "errors of HTML")
    by_html5lib = [table for table in document.iter("table") if table.get("id") == "rows"]
    by_lxml = lxml.html.document_fromstring(page, parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=True))
    by_lxml = by_lxml.xpath("//table[@id='rows']")
    same((len(by_html5lib), len(by_lxml)), (1, 1), "tables")
    for asking in document.iter():
        for name, value in asking.attrib.items():
            if name in ("src", "srcset", "action", "data") or name == "href" and not value.startswith("#"):
                raise Different(f"the page asks for {value}")
    for reader, table in (("html5lib", by_html5lib[0]), ("lxml", by_lxml[0])):
        told = cells_of(table, lambda cell: "".join(cell.itertext()))
        header = [text for text, _ in told[0]]
        same(header, [visible(column["name"]) for column in answer["columns"]], f"{reader}: header")
        same(len(told) - 1, len(rows), f"{reader}: rows")
        for n, (cells, row) in enumerate(zip(told[1:], rows)):
            same(len(cells), len(row), f"{reader}: row {n}: cells")
            for (text, time), column, value in zip(cells, answer["columns"], row.values()):
                where = f"{reader}: row {n}: {column['name']}"
                if value is None and is_infinite(text, column["kind"]):
                    pass
                elif value is None:
                    same((text, time), ("", None), where)
                elif is_number(column["kind"], value):
                    same(number_of(text, value), value, where)
                elif column["kind"] == "time":
                    same((text, time), (value[:19].replace("T", " "), value), where)
                elif isinstance(value, str):
                    same((text, time), (visible(value), None), where)
                else:
                    same(text, spelled(value), where)


# Of so many rows a table takes the widths of its columns; longer cells further down are broken.
MEASURED = 1000


def check_table(path, answer, rows):
    """For eyes: a line a row, in it what the cells show, one after the other."""
    lines = path.read_bytes().decode("utf-8").split("\n")
    rules = [n for n, line in enumerate(lines) if line and not line.strip("-")]
    if not rows and answer["framed"]:
        same(rules, [], "rows")
        return
    body = lines[rules[0] + 1 :][: len(rows)]
    after = lines[rules[0] + 1 + len(rows) :]
    if len(rows) > MEASURED:
        body, after = body[:MEASURED], [line for line in after if line.endswith(" rows")]
    else:
        same(len(body), len(rows), "rows")
    if answer["framed"]:
        same(after[0], "1 row" if len(rows) == 1 else f"{len(rows)} rows", "after the rows")
    else:
        same(after, [""], "after the rows")
    for n, (line, row) in enumerate(zip(body, rows)):
        hidden = [c for c in line if is_hidden(c)]
        same(hidden, [], f"row {n}: moves the cursor, or what is seen")
        place = 0
        for column, value in zip(answer["columns"], row.values()):
            if value is None:
                continue
            if column["kind"] == "time":
                shown = value[:19].replace("T", " ")
            elif isinstance(value, str):
                shown = visible(value) if len(value) <= 500 else visible(value[:500]) + "…"
                # Nothing is left of blanks at the end of a line.
                shown = shown.rstrip()
            elif isinstance(value, float):
                continue
            else:
                shown = spelled(value)
            found = line.find(shown, place)
            same(found >= place, True, f"row {n}: {column['name']}: {shown!r:.100} in {line!r:.2000}")
            place = found + len(shown)


def loose(value):
    """A value of a smaller table, as text."""
    return "" if value is None else value if isinstance(value, str) else spelled(value)


def check_appendices(folder, answer):
    """The smaller tables that follow the rows: what exceptions leave out, and the exceptions."""
    document = strict((folder / f"{answer['file']}.json").read_bytes().decode("utf-8"))
    names = [name for name in ("excluded", "exceptions") if document.get(name)]
    xml = lxml.etree.parse(str(folder / f"{answer['file']}.xml")).getroot()
    page = (folder / f"{answer['file']}.html").read_bytes()
    html = html5lib.parse(page, treebuilder="etree", namespaceHTMLElements=False, transport_encoding="utf-8")
    sheets = openpyxl.load_workbook(folder / f"{answer['file']}.xlsx").worksheets[2:]
    same(len(sheets), len(names), "sheets behind the first two")
    for name, sheet in zip(names, sheets):
        rows = [[loose(value) for value in row.values()] for row in document[name]]
        told = [[cell.text or "" for cell in row] for row in xml.find(name)]
        same(told, [[xml_text(value) for value in row] for row in rows], f"xml: {name}")
        table = next(table for table in html.iter("table") if table.get("id") == name)
        told = [[time or text for text, time in row] for row in cells_of(table, lambda cell: "".join(cell.itertext()))]
        same(told[1:], [[visible(value) for value in row] for row in rows], f"html: {name}")
        for line, row in zip(sheet.iter_rows(min_row=2), rows, strict=True):
            for cell, value in zip(line, row, strict=True):
                where = f"xlsx: {name} {cell.coordinate}"
                same(cell.data_type in ("f", "e"), False, where)
                if cell.is_date and cell.value is not None:
                    same(cell.value.strftime("%Y-%m-%dT%H:%M:%S"), value[:19], where)
                else:
                    same(unescaped(loose(cell.value)), xlsx_text(value), where)
    return len(names)


def check_layout_xml(path, answer, users):
    root = lxml.etree.parse(str(path), lxml.etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    same((root.tag, len(root)), ("users", len(users)), "users")
    for n, (element, user) in enumerate(zip(root, users)):
        same([field.tag for field in element], list(user), f"user {n}: fields")
        for field, value in zip(element, user.values()):
            if isinstance(value, list):
                same([group.text for group in field], [xml_text(group) for group in value], f"user {n}: {field.tag}")
            else:
                same(field.text or "", xml_text("" if value is None else value if isinstance(value, str)
                                                else spelled(value)), f"user {n}: {field.tag}")


def check_layout(folder, answer):
    """The fields of the app Confluence User Export: `groups` is a list where there are lists, else it has commas."""
    users = strict((folder / f"{answer['file']}.json").read_bytes().decode("utf-8"))
    check_layout_xml(folder / f"{answer['file']}.xml", answer, users)
    names = [column["name"] for column in answer["columns"]]
    flat = [
        {name: ", ".join(value) if isinstance(value := user.get(name), list) else value for name in names}
        for user in users
    ]
    check_csv(folder / f"{answer['file']}.csv", answer, flat)
    check_xlsx(folder / f"{answer['file']}.xlsx", answer, flat)
    return len(users)


def duckdb_with_sqlite():
    """DuckDB would fetch its extension for SQLite from the network; a package of Python brings the same."""
    folder = Path(duckdb_extension_sqlite_scanner.__file__).parent
    connection = duckdb.connect()
    connection.execute(f"LOAD '{next(folder.rglob('*.duckdb_extension'))}'")
    return connection


def check_database(path, answers, folder):
    """DuckDB reads the file itself, and the files of Parquet, CSV and JSON, and counts what SQLite counts."""
    lite = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    duck = duckdb_with_sqlite()
    names = lite.execute(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (name,) in names:
        # With count(*) it asks for a rowid, which not every table has.
        column = lite.execute("SELECT name FROM pragma_table_info(?)", (name,)).fetchone()[0]
        told = duck.execute(f"SELECT count({column}) FROM sqlite_scan('{path}', '{name}')").fetchone()
        same(told, lite.execute(f'SELECT count({column}) FROM "{name}"').fetchone(), f"DuckDB counts {name}")
    users = ("SELECT {} FROM users ORDER BY id", f"SELECT {{}} FROM sqlite_scan('{path}', 'users') ORDER BY id")
    for columns in ("id, status, name", "id, full_name, email", "id, position, created_at, last_login_at"):
        told, expected = (by.execute(users[n].format(columns)).fetchall() for n, by in ((1, duck), (0, lite)))
        same(told, expected, f"DuckDB reads {columns}")
    for answer, rows in answers:
        for ending, reader in (("parquet", "read_parquet"), ("ndjson", "read_ndjson"), ("csv", "read_csv")):
            file = folder / f"{answer['file']}.{ending}"
            if not file.exists() or not rows:
                continue
            options = {
                "csv": ", header = true, all_varchar = true, quote = '\"', escape = '\"', delim = ',', "
                "max_line_size = 10000000, strict_mode = true",
                "ndjson": ", maximum_object_size = 100000000, sample_size = -1",
            }.get(ending, "")
            told = duck.execute(f"SELECT count(*) FROM {reader}('{file}'{options})").fetchone()
            same(told, (len(rows),), f"DuckDB counts {file.name}")


FORMATS = {
    "ndjson": check_ndjson,
    "csv": check_csv,
    "raw.csv": check_raw,
    "xml": check_xml,
    "xlsx": check_xlsx,
    "parquet": check_parquet,
    "html": check_html,
    "table": check_table,
}


def main():
    folder = Path(sys.argv[1])
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    answers, wrong, files, cells, appendices = [], [], 0, 0, 0
    for answer in index:
        if answer.get("layout"):
            try:
                cells += check_layout(folder, answer) * len(answer["columns"])
                files += 4
            except Exception as error:
                wrong.append(f"{answer['file']}: {type(error).__name__}: {error}")
            continue
        rows = read_json(folder / f"{answer['file']}.json", answer)
        answers.append((answer, rows))
        for row in rows:
            cells += len(row)
            if answer["framed"]:
                same(list(row), [column["name"] for column in answer["columns"]], "names in the JSON")
        if answer["framed"]:
            try:
                appendices += check_appendices(folder, answer)
            except Exception as error:
                wrong.append(f"{answer['file']}: {type(error).__name__}: {error}")
        for ending, check in FORMATS.items():
            try:
                check(folder / f"{answer['file']}.{ending}", answer, rows)
                files += 1
            except Exception as error:  # every fault is told, also one of a reader that does not take the file
                wrong.append(f"{answer['file']}.{ending}: {type(error).__name__}: {error}")
    try:
        check_database(folder / "rollbook.db", answers, folder)
    except Exception as error:
        wrong.append(f"rollbook.db: {type(error).__name__}: {error}")
    for line in wrong:
        print(line[:3000], file=sys.stderr)
    print(json.dumps({"answers": len(index), "files": files, "cells": cells, "appendices": appendices, "wrong": len(wrong)}))
    sys.exit(1 if wrong else 0)


main()
