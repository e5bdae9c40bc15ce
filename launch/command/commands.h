#pragma once

#include "launch/command/invocation.h"

namespace hearth {

/// Each function adds one command below `parent` and has a file of its own.
void AddDataConvert(CLI::App* parent, Invocation* invocation);
void AddDataSynth(CLI::App* parent, Invocation* invocation);
void AddDataSplit(CLI::App* parent, Invocation* invocation);
void AddDataDescribe(CLI::App* parent, Invocation* invocation);
void AddDataValidate(CLI::App* parent, Invocation* invocation);
void AddDataHead(CLI::App* parent, Invocation* invocation);
void AddConfigShow(CLI::App* parent, Invocation* invocation);
void AddConfigKeys(CLI::App* parent, Invocation* invocation);
void AddConfigCheck(CLI::App* parent, Invocation* invocation);
void AddTrain(CLI::App* parent, Invocation* invocation);
void AddEval(CLI::App* parent, Invocation* invocation);
void AddAdapt(CLI::App* parent, Invocation* invocation);
void AddRecommend(CLI::App* parent, Invocation* invocation);
void AddExport(CLI::App* parent, Invocation* invocation);
void AddCkptList(CLI::App* parent, Invocation* invocation);
void AddCkptVerify(CLI::App* parent, Invocation* invocation);
void AddCkptHash(CLI::App* parent, Invocation* invocation);
void AddBenchGradcheck(CLI::App* parent, Invocation* invocation);
void AddBenchStep(CLI::App* parent, Invocation* invocation);
void AddBenchIo(CLI::App* parent, Invocation* invocation);
void AddBenchComm(CLI::App* parent, Invocation* invocation);
void AddLaunchLocal(CLI::App* parent, Invocation* invocation);
void AddLaunchSlurm(CLI::App* parent, Invocation* invocation);
void AddDoctor(CLI::App* parent, Invocation* invocation);

}  // namespace hearth
