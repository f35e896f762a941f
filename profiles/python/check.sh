python3 -c 'import json, sqlite3'
