"""Reads scripts with real grammars: parse_scripts.py FILE... Prints what does not parse and exits 1 if there is any."""
import pathlib
import sys

import tree_sitter_javascript
import tree_sitter_powershell
from tree_sitter import Language, Parser

GRAMMARS = {".js": tree_sitter_javascript, ".ps1": tree_sitter_powershell}


def broken(node):
    if node.is_error or node.is_missing:
        yield node
        return
    for child in node.children:
        if child.has_error:
            yield from broken(child)


found = 0
for path in map(pathlib.Path, sys.argv[1:]):
    text = path.read_bytes()
    tree = Parser(Language(GRAMMARS[path.suffix].language())).parse(text)
    for node in broken(tree.root_node) if text.strip() else [tree.root_node]:
        found += 1
        print(f"{path}:{node.start_point.row + 1}: {node.type}: {node.text[:60].decode(errors='replace')}")
sys.exit(1 if found or len(sys.argv) < 2 else 0)
