[ "$(sqlite3 :memory: "select 6 * 7")" = 42 ]
