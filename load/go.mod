module benchmarks/load

go 1.22
