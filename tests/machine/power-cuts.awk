# Holds what each boot found on the disk against what the boots before had said.

BEGIN { chatter = 20000 }
function fail(text) { print "FAILED: boot " boot ": " text; failures++ }
function value(key,   i, pair) {
    for (i = 3; i <= NF; i++) {
        split($i, pair, "=")
        if (pair[1] == key) return pair[2]
    }
    return ""
}

$1 == "FOUND" {
    boot = $2
    used = value("used"); topup = value("topup") / 1000000; override = value("override"); now = value("sent")
    if (boot > 1) {
        # What was sent until shortly before the cut is in the ledger, and nothing more than was
        # sent at all; the links' own few packets may be in there, too.
        least = before_used + settled
        most = before_used + before_now + said + now + chatter
        if (used < least) fail("the ledger lost " least - used " bytes more than an interval's")
        if (used > most) fail("the ledger charges " used - most " bytes that were never sent")
        lost = before_used + last_sent - used
        if (lost > worst) worst = lost
        if (topup < acknowledged) fail("acknowledged " acknowledged " top-ups, found " topup)
        if (topup > tried) fail("tried " tried " top-ups, found " topup)
        if (override < sure) fail("override " sure " was acknowledged, found " (override == "" ? "none" : override))
        if (override > asked) fail("found override " override ", which nobody asked for")
        checks++
    }
    before_used = used - now
    before_now = now
    # What was tried and is there counts as given from here on.
    acknowledged = tried = topup
    if (override != "") sure = asked = override
    settled = last_sent = said = n = 0
}
$1 == "SENT" {
    n++
    at[n] = $3; bytes[n] = $4
    # The last figure that is older than an interval.
    for (i = n; i > 0 && at[n] - at[i] < interval + slack; i--);
    settled = i > 0 ? bytes[i] : 0
    last_sent = bytes[n]
    total_sent += n > 1 ? bytes[n] - bytes[n - 1] : 0
}
$1 == "SENDS" { said = $3 }
$1 == "TRY" && $3 == "topup" { tried++ }
$1 == "ACK" && $3 == "topup" { acknowledged++; topups++ }
$1 == "TRY" && $3 == "override" { asked = $4 }
$1 == "ACK" && $3 == "override" { sure = $4; overrides++ }
END {
    boot = "all"
    if (checks != cuts) fail(checks " of " cuts " cuts were checked")
    if (topups < cuts / 2 || overrides < cuts / 2) fail("too little was acknowledged: " topups " top-ups, " overrides " overrides")
    if (total_sent < cuts * 100000) fail("only " total_sent " bytes were sent")
    printf "MEASURED after %d power cuts: %d acknowledged top-ups and %d overrides all there, none twice; " \
        "%d bytes sent, at most %d of them lost in one cut\n", checks, topups, overrides, total_sent, worst
    exit failures > 0
}
