"""Creates the root user. Arguments: name, password."""
import sys

import pymongo

client = pymongo.MongoClient("127.0.0.1", 27018, directConnection=True, serverSelectionTimeoutMS=30_000)
client.admin.command("createUser", sys.argv[1], pwd=sys.argv[2], roles=["root"])
