"""Reads YAML documents from stdin, holds each against its schema, and prints them as JSON.

Schemas of Kubernetes itself are read out of the package kubernetes-validate (strict: unknown keys are mistakes), those of other kinds
from schemas/. A kind without a schema is a mistake, too. Exits 1 with every mistake on stderr.

    documents.py SCHEMAS < FILE
"""

import functools
import json
import sys
import zipfile
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = "kubernetes_validate/kubernetes-json-schema/v1.36.0-local-strict"
DEFINITIONS = "/api/_definitions.json"


class UniqueKeys(yaml.SafeLoader):
    """YAML forbids a key twice; PyYAML takes the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


@functools.cache
def definitions(kubernetes):
    """What Kubernetes' schemas refer to."""
    contents = json.loads(kubernetes.read(f"{FOLDER}/_definitions.json"))
    return Registry().with_resource(DEFINITIONS, Resource(contents=contents, specification=DRAFT202012))


def schema_of(document, kubernetes):
    """The schema of a document, and the registry its references are looked up in."""
    group, _, version = document["apiVersion"].rpartition("/")
    kind = document["kind"]
    own = Path(__file__).parent / "schemas" / f"{kind}.json"
    if own.exists():
        return json.loads(own.read_text()), Registry()
    name = "-".join(part for part in (kind.lower(), group.removesuffix(".k8s.io"), version) if part)
    return json.loads(kubernetes.read(f"{FOLDER}/{name}.json")), definitions(kubernetes)


def mistakes(document, kubernetes):
    name = f"{document.get('kind')} {document.get('metadata', {}).get('name')}"
    try:
        schema, registry = schema_of(document, kubernetes)
    except KeyError as error:
        return [f"{name}: no schema: {error}"]
    errors = Draft202012Validator(schema, registry=registry).iter_errors(document)
    return [f"{name}: {error.json_path}: {error.message}" for error in errors]


def main():
    kubernetes = zipfile.ZipFile(sys.argv[1])
    documents = [document for document in yaml.load_all(sys.stdin, UniqueKeys) if document is not None]
    found = [mistake for document in documents for mistake in mistakes(document, kubernetes)]
    if found:
        sys.exit("\n".join(found))
    json.dump(documents, sys.stdout)


main()
