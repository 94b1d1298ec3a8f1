module github.com/ruvector/ruvector-arrow

go 1.26
