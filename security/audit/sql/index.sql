INSERT INTO entry (seq, at, kind, action, principal, decision, subject)
SELECT
    seq,
    json_extract(body, '$.at'),
    json_extract(body, '$.kind'),
    json_extract(body, '$.action'),
    json_extract(body, '$.principal'),
    json_extract(body, '$.decision'),
    json_extract(body, '$.subject')
FROM event
WHERE seq > (SELECT coalesce(max(seq), -1) FROM entry)
ORDER BY seq
LIMIT ?;
