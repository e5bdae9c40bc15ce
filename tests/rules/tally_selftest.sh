#!/usr/bin/env bash
# Checks that tally.sh loses no case. Runs it on every kind of report that a ctest run leaves.
set -euo pipefail
tally=$(dirname "$(readlink -f "$0")")/tally.sh
readonly tally
build=$(mktemp -d)/release
trap 'rm -rf "$(dirname "$build")"' EXIT
mkdir -p "$build/reports"

cat > "$build/reports/ctest.xml" << 'XML'
<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="Linux-c++" tests="9" failures="3" disabled="0" skipped="2">
	<testcase name="common" classname="common" time="0.1" status="run">
		<system-out>&lt;testcase name="not a case"&gt;</system-out>
	</testcase>
	<testcase name="storage" classname="storage" time="0.1" status="fail">
		<failure message=""/>
		<system-out></system-out>
	</testcase>
	<testcase name="sampler" classname="sampler" time="0.1" status="fail">
		<failure message=""/>
	</testcase>
	<testcase name="cluster_mpi.2" classname="cluster_mpi.2" time="0.1" status="fail">
		<failure message=""/>
	</testcase>
	<testcase name="layering" classname="layering" time="0.1" status="run">
	</testcase>
	<testcase name="rule" classname="rule" time="0.1" status="notrun">
		<skipped message="SKIP_RETURN_CODE=77"/>
		<system-out>no reason</system-out>
	</testcase>
	<testcase name="slurm.requeue" classname="slurm.requeue" time="0.1" status="notrun">
		<skipped message="SKIP_RETURN_CODE=77"/>
		<system-out>SKIPPED: Slurm is not installed here
</system-out>
	</testcase>
	<testcase name="missing" classname="missing" time="0" status="notrun">
		<skipped message="Unable to find executable"/>
	</testcase>
	<testcase name="off" classname="off" time="0" status="disabled">
		<skipped message="Disabled"/>
	</testcase>
</testsuite>
XML
cat > "$build/reports/common.xml" << 'XML'
<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="0" name="AllTests">
  <testsuite name="Random" tests="4" failures="0">
    <testcase name="IsAFunction" status="run" result="completed" time="0." classname="Random" />
    <testcase name="Each/0" value_param="&quot;a&quot;" status="run" result="completed" classname="All/Random" />
    <testcase name="DISABLED_Later" status="notrun" result="suppressed" classname="Random" />
    <testcase name="OnRealData" status="run" result="skipped" classname="Random">
      <skipped message="/src/tests/a_test.cc:12&#x0A;HEARTH_TEST_DATA is not set &amp; no data&#x0A;"><![CDATA[x]]></skipped>
    </testcase>
  </testsuite>
</testsuites>
XML
cat > "$build/reports/storage.xml" << 'XML'
<testsuites tests="2" failures="1" name="AllTests">
    <testcase name="Refuses" status="run" result="completed" classname="Shard">
      <failure message="a.cc:1&#x0A;Expected" type=""><![CDATA[a.cc:1]]></failure>
      <failure message="a.cc:2&#x0A;Expected" type=""><![CDATA[a.cc:2]]></failure>
    </testcase>
    <testcase name="Reads" status="run" result="completed" classname="Shard" />
</testsuites>
XML
cat > "$build/reports/cluster_mpi.2.xml" << 'XML'
<testsuites tests="1" failures="0" name="AllTests">
    <testcase name="AddsRanks" status="run" result="completed" classname="Mpi" />
</testsuites>
XML

expected=$(printf '%s\t%s\t%s\n' \
  passed 'release common: Random.IsAFunction' '' \
  passed 'release common: All/Random.Each/0' '' \
  skipped 'release common: Random.DISABLED_Later' 'disabled' \
  skipped 'release common: Random.OnRealData' 'HEARTH_TEST_DATA is not set & no data' \
  failed 'release storage: Shard.Refuses' '' \
  passed 'release storage: Shard.Reads' '' \
  failed 'release sampler' 'it crashed or ran out of time; its output is above' \
  passed 'release cluster_mpi.2: Mpi.AddsRanks' '' \
  failed 'release cluster_mpi.2' 'no single case failed, but the run did; its output is above' \
  passed 'release layering' '' \
  skipped 'release rule' 'SKIP_RETURN_CODE=77' \
  skipped 'release slurm.requeue' 'Slurm is not installed here' \
  failed 'release missing' 'Unable to find executable' \
  skipped 'release off' 'Disabled')
diff <(echo "$expected") <("$tally" "$build")

rm "$build/reports/ctest.xml"
if "$tally" "$build"; then
  echo "FAILED: a run without a report of ctest passes"
  exit 1
fi
echo "every case is listed"
