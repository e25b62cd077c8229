-- The encoding is canonical and its texts hold no quotation mark, so `"key":"value"` occurs only as that field; a
-- decision stands before the kind, and a subject before the version.
SELECT event.seq
FROM event LEFT JOIN entry ON entry.seq = event.seq
WHERE event.seq <= (SELECT max(seq) FROM entry)
    AND (
        entry.seq IS NULL
        OR instr(event.body, '"action":"' || entry.action || '"') = 0
        OR instr(event.body, '"at":' || entry.at || ',') = 0
        OR instr(event.body, '"principal":"' || entry.principal || '"') = 0
        OR instr(
            event.body, coalesce('"decision":"' || entry.decision || '",', '') || '"kind":"' || entry.kind || '"'
        ) = 0
        OR instr(event.body, coalesce('"subject":"' || entry.subject || '",', '') || '"v":1}') = 0
        OR (entry.decision IS NULL AND instr(event.body, '"decision":"') > 0)
        OR (entry.subject IS NULL AND instr(event.body, '"subject":"') > 0)
    )
LIMIT ?;
