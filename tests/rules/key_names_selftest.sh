#!/usr/bin/env bash
# Plants one literal after another in a small tree and expects key_names.sh to find the wrong names, and them alone.
set -euo pipefail
rules=$(dirname "$(readlink -f "$0")")
readonly total=names rule=$rules/key_names.sh
# shellcheck source=tests/rules/planted_tree.sh
. "$rules/planted_tree.sh"

new_tree() {
  rm -rf "${tree:?}"/*
  put launch/config/keys.cc 'SectionBuilder run(keys, "run", &Config::run);' \
    'run.Path("dir", &RunOptions::dir,' '         "run folder").MayChangeOnResume();' \
    'SectionBuilder model(keys, "model", &Config::model);' 'model.Choice(' '    "type", &ModelOptions::type,' \
    '    Names<Type>{{"dot", Type::kDot}}, "model.oops is help, no key");' 'model' '    .Int("dim", &ModelOptions::dim,' \
    '         Between(1, 4096), "width");'
  put common/log.h '#include "common/run.h"'
  put storage/reader.cc 'Throw("model.dim=8 is wrong, and so are run.dir and model.type; see rerun.dir");'
  put sampler/draw.h '// model.width was a key' 'int x; /* "run.place"' '"run.place" */ char y = "a"[0];'
  put cluster/mpi.cc "char quote = '\"'; /* run.place */ char other = '\"';"
  put trainer/export.cc 'Write(folder + "/model.json", "model.safetensors", "model. Then", "this run.");'
  put launch/command.cc 'Print("run.place");'
}

new_tree
"$rule" "$tree" || { echo "FAILED: the clean tree is refused"; failures=1; }

expect '1: .* run[.]folder$' storage/bad.cc 'Throw("run.folder: cannot be made");'
expect '2: .* model[.]width$' trainer/sub/bad.cc '' 'Throw("lower model.dim", "or (model.width=8)");'
expect '1: .* model[.]dims$' sampler/bad.h 'Throw("lower model.dims");'
expect '1: .* model[.]dir$' cluster/bad.cc 'Throw("model.dir");  // the word of another section'
expect '1: .* run[.]Dir$' common/bad.cu '/* a comment */ Throw("\"run.Dir\"");'
expect '1: .* model[.]oops$' trainer/bad.cc 'Throw("model.oops");'

new_tree
put launch/config/keys.cc 'int x;'
refuses "$rule" "$tree" "a table without keys"
refuses "$rule" "$tree/nowhere" "a folder that is no checkout"
echo "$failures failures"
[ "$failures" -eq 0 ]
