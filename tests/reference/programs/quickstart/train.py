from sklearn import datasets, svm

import jubako as bentoml

iris = datasets.load_iris()
X, y = iris.data, iris.target

clf = svm.SVC(gamma="scale")
clf.fit(X, y)

bentoml.sklearn.save("iris_clf", clf)
