"""The audit trail: who did what, when, why, with what result; append-only and hash-chained."""
