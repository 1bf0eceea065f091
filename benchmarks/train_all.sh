#!/bin/sh
# The shipped examiner: train_all.sh SETS CHINA, with the folders of the public sets (squad2, xquad-en, clapnq) and of the
# news article that china-dev.jsonl and china-test.jsonl ask about.
set -eu
cd "$(dirname "$0")/.."
sets=$1
china=$2
asked=benchmarks/questions
training=benchmarks/training
set -- "$sets/squad2" "$sets/xquad-en" "$sets/clapnq" --devious squad2
for name in squad2 clapnq; do
    set -- "$@" --over "$sets/$name" "$training/questions/$name.jsonl"
done
for articles in "$training"/articles/*; do
    set -- "$@" --over "$articles" "$training/questions/$(basename "$articles").jsonl"
done
set -- "$@" --over articles "$asked/sample.jsonl" --over "$china" "$asked/china-dev.jsonl"
set -- "$@" --over "$china" "$asked/china-test.jsonl" --test china-test
set -- "$@" --over "$china" "$asked/china-more.jsonl" --test china-more
set -- "$@" --over benchmarks/news "$asked/news.jsonl" --test news
set -- "$@" --over benchmarks/weekly "$asked/weekly.jsonl" --test weekly
set -- "$@" --over benchmarks/lookups "$asked/lookups.jsonl" --test lookups
exec python benchmarks/train_examiner.py "$@"
